"""Fetches each endpoint of each generation in each of its formats with curl.

Lists say the same number of rows in every format; images are those of the tree, with the digests that Python computes of them.
Usage: endpoints.py ADDRESS, that of the mirror.
"""
import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as tree
import zipfile

ADDRESS = sys.argv[1]
OF = {"Collection": "RIDER PHANTOM MRI", "Modality": "MR"}
VALUES = "getCollectionValues getModalityValues getBodyPartValues getManufacturerValues"
COUNTS = "getCollection getModality getBodyPart getManufacturer getSpecies"
FORMATS = ["json", "csv", "xml", "html"]


def lists(series, date):
    """The lists that all generations have, each with what it must be asked by, as their guides name them."""
    of_series = {"SeriesInstanceUID": series}
    return {
        **{values: {} for values in VALUES.split()},
        "getPatient": {"Collection": OF["Collection"]},
        "getPatientStudy": {"Collection": OF["Collection"]},
        "getSeries": {"Collection": OF["Collection"]},
        "getSeriesSize": of_series,
        "getSOPInstanceUIDs": of_series,
        "NewPatientsInCollection": {"Collection": OF["Collection"], **date},
        "NewStudiesInPatientCollection": {"Collection": OF["Collection"], **date},
    }


def generations(series):
    """Path: its lists, their formats, and the names of its images."""
    of_series = {"SeriesInstanceUID": series}
    bindaas = {**lists(series, {"Date": "2000-01-01"}), "PatientsByModality": OF}
    # the first had no lists of what is new, nor of instances
    first = {name: of for name, of in bindaas.items() if name in f"{VALUES} getPatient getPatientStudy getSeries getSeriesSize".split()}
    nbia = {
        **lists(series, {"Date": "2000/01/01"}),
        "getPatientByCollectionAndModality": OF,
        "getUpdatedSeries": {"fromDate": "01/01/2000"},
        "getSeriesMetaData": of_series,
    }
    fourth = {
        **lists(series, {"fromDate": "01-01-2000"}),
        "getPatientByCollectionAndModality": OF,
        "getUpdatedSeries": {"fromDate": "01-01-2000"},
    }
    single, hashed = ["getImage", "getSingleImage"], ["getImage", "getSingleImage", "getImageWithMD5Hash"]
    return {
        "/services/TCIA/TCIA/query": (first, FORMATS, ["getImage"]),
        "/services/v3/TCIA/query": (bindaas, FORMATS, single),
        "/nbia-api/services/v1": (nbia, FORMATS, hashed),
        "/nbia-api/services/v2": (nbia, FORMATS, hashed),
        "/nbia-api/services/v4": (fourth, FORMATS[:2], hashed),
    }


def curl(path, of, *options, is_form=False):
    """Body and label of an answer; an error of HTTP is one."""
    asked = [word for name, value in of.items() for word in ("--data-urlencode", f"{name}={value}")]
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--compressed", *options, *asked]
    command += ["--header", "Authorization: Bearer anybody", "--write-out", "\n%{content_type}", ADDRESS + path]
    command += [] if is_form else ["--get"]
    body, _, label = subprocess.run(command, check=True, capture_output=True).stdout.rpartition(b"\n")
    return body, label.decode()


def rows(body, form):
    """How many rows say anything, each format read by its own reader: a null is two line feeds in some, nothing in others."""
    if form == "json":
        return sum(any(row.values()) for row in json.loads(body))
    if form == "csv":
        return sum(any(row) for row in csv.reader(io.StringIO(body))) - 1
    if form == "xml" and "<Series UID" in body:  # a name with a space: no reader takes the archive's own either
        return body.count("<Row>")
    if form == "xml":
        return sum(any(text.strip() for text in row.itertext()) for row in tree.fromstring(body))
    cells = [re.sub("<[^>]*>", " ", row).split() for row in re.split("(?i)<tr>", body)[1:]]
    return sum(any(word not in ("null", "&nbsp;") for word in words) for words in cells) - 1


def check_lists(path, endpoints, formats):
    for endpoint, of in endpoints.items():
        counts = {}
        for form in formats:
            body, label = curl(f"{path}/{endpoint}", {**of, "format": form})
            counts[form] = rows(body.decode(), form)
            assert form in label, f"{path}/{endpoint} as {form} is labelled {label}"
        assert len(set(counts.values())) == 1 and counts["json"] > 0, f"{path}/{endpoint}: {counts}"
    return len(endpoints) * len(formats)


def check_images(path, endpoints, series, instance):
    """The digests of the instances, which each way to get them agrees on."""
    of = {"SeriesInstanceUID": series}
    digests = set()
    for endpoint in endpoints:
        if endpoint == "getSingleImage":
            whole, label = curl(f"{path}/{endpoint}", {**of, "SOPInstanceUID": instance})
            part, _ = curl(f"{path}/{endpoint}", {**of, "SOPInstanceUID": instance}, "--range", "128-131")
            assert part == whole[128:132] == b"DICM", f"{path}/{endpoint} is no DICOM"
            assert hashlib.md5(whole).hexdigest() in digests, f"{path}/{endpoint} is not in the ZIP"
            continue
        body, label = curl(f"{path}/{endpoint}", of)
        assert label in ("application/zip", "application/octet-stream"), f"{path}/{endpoint} is labelled {label}"
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            found = {name: hashlib.md5(archive.read(name)).hexdigest() for name in archive.namelist() if name.endswith(".dcm")}
            if endpoint == "getImageWithMD5Hash":
                told = archive.read("md5hashes.csv").decode().splitlines()
                assert len(told) == len(found) + 1 and all(digest in "".join(told) for digest in found.values())
        digests = digests or set(found.values())
        assert set(found.values()) == digests and digests, f"{path}/{endpoint}: {found}"
    return digests


def check_others(series, digests):
    """What is asked by POST, and what knows no format."""
    hierarchy = hashlib.md5("".join(sorted(digests)).encode()).hexdigest()
    for path in ["/nbia-api/services", "/nbia-api/services/v4"]:
        told, _ = curl(f"{path}/getMD5Hierarchy", {"SeriesInstanceUID": series}, is_form=True)
        assert told.decode().strip() == hierarchy, f"{path}/getMD5Hierarchy: {told}"
    described = {"list": series}
    counts = {}
    for form in ["json", "csv"]:
        body, _ = curl("/nbia-api/services/v4/getSeriesMetadata", {**described, "format": form}, is_form=True)
        counts[form] = rows(body.decode(), form)
    assert counts == {"json": 1, "csv": 1}, f"getSeriesMetadata: {counts}"
    for name in COUNTS.split():
        path = f"/nbia-api/services/v4/{name}ValuesAndCounts"
        assert rows(curl(path, {})[0].decode(), "json") > 0, path
    curl("/nbia-api/services/getCollectionDescriptions", {})
    return 5 + len(COUNTS.split())


def main():
    of = {"Collection": OF["Collection"], "format": "json"}
    series = json.loads(curl("/nbia-api/services/v4/getSeries", of)[0])[0]["SeriesInstanceUID"]
    asked = {"SeriesInstanceUID": series, "format": "json"}
    instances = json.loads(curl("/nbia-api/services/v4/getSOPInstanceUIDs", asked)[0])
    instance = instances[0]["SOPInstanceUID"]
    fetched, every = 0, set()
    for path, (endpoints, formats, images) in generations(series).items():
        fetched += check_lists(path, endpoints, formats)
        digests = check_images(path, images, series, instance)
        assert len(digests) == len(instances), f"{path}: {len(digests)} of {len(instances)} instances"
        every.add(frozenset(digests))
        fetched += len(images)
    assert len(every) == 1, "the generations send different images"
    fetched += check_others(series, digests)
    print(f"curl: {fetched} answers, each list with the same rows in every format, each image as in the tree")


main()
