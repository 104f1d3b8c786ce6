"""Lists, downloads and unpacks through tcia_utils; every file must be the one that lies in the mirror."""
import hashlib
import pathlib
import sys

from tcia_utils import nbia

ADDRESS, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
COLLECTION = "RIDER PHANTOM MRI"


def here(endpoint, api_url="nbia"):
    version = "v1" if endpoint == "getContentsByName" else "v4"
    return f"{ADDRESS}/nbia-api/services/{version}/"


def digests(files):
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


nbia.setApiUrl = here
collections = {row["Collection"] for row in nbia.getCollections()}
on_disk = {place.name for place in ROOT.iterdir() if not place.name.startswith(".")}
assert collections == on_disk, (collections, on_disk)
assert len(nbia.getPatient(collection=COLLECTION)) == len(list((ROOT / COLLECTION).iterdir()))
assert nbia.getStudy(collection=COLLECTION) and nbia.getModality(collection=COLLECTION)
series = nbia.getSeries(collection=COLLECTION)
for row in series:
    size = nbia.getSeriesSize(seriesUid=row["SeriesInstanceUID"])
    assert size[0]["ObjectCount"] == row["ImageCount"], (size, row)

for options in ({}, {"hash": "y"}):
    places = {place.name: place for place in ROOT.glob(f"{COLLECTION}/*/*/*")}
    target = pathlib.Path(f"downloaded{len(options)}")
    nbia.downloadSeries(series, path=str(target), **options)
    for row in series:
        uid = row["SeriesInstanceUID"]
        downloaded = [file for file in (target / uid).iterdir() if file.suffix == ".dcm"]
        assert digests(downloaded) == digests(places[uid].glob("*.dcm")), f"{uid} {options}"

uid = series[0]["SeriesInstanceUID"]
instance = nbia.getSopInstanceUids(seriesUid=uid)[0]["SOPInstanceUID"]
nbia.downloadImage(seriesUID=uid, sopUID=instance, path="single")
single = list(pathlib.Path("single").rglob("*.dcm"))
assert digests(single) == digests(ROOT.glob(f"{COLLECTION}/*/*/{uid}/{instance}.dcm")), single
print(f"tcia_utils: {len(collections)} collections, {len(series)} series of {COLLECTION}, every file as it lies in the mirror")
