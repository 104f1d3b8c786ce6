"""Fetches each list of each generation in each of its formats with curl: each says the same number of rows."""
import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as tree

ADDRESS = sys.argv[1]
COLLECTION = "RIDER PHANTOM MRI"
# which lists a generation has, as its guide names them, with the filters that it wants
BY_COLLECTION = "getPatient getPatientStudy getSeries"
VALUES = "getCollectionValues getModalityValues getBodyPartValues getManufacturerValues"
GENERATIONS = {
    "/services/TCIA/TCIA/query": (f"{VALUES} {BY_COLLECTION}", ["json", "csv", "xml", "html"]),
    "/services/v3/TCIA/query": (f"{VALUES} {BY_COLLECTION}", ["json", "csv", "xml", "html"]),
    "/nbia-api/services/v1": (f"{VALUES} {BY_COLLECTION}", ["json", "csv", "xml", "html"]),
    "/nbia-api/services/v2": (f"{VALUES} {BY_COLLECTION}", ["json", "csv", "xml", "html"]),
    "/nbia-api/services/v4": (f"{VALUES} {BY_COLLECTION}", ["json", "csv"]),
}


def curl(path, *parameters):
    """Body and label of an answer; an error of HTTP is one."""
    asked = [word for parameter in parameters for word in ("--data-urlencode", parameter)]
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--compressed", "--get", *asked]
    command += ["--header", "Authorization: Bearer anybody", "--write-out", "\n%{content_type}", ADDRESS + path]
    body, _, label = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rpartition("\n")
    return body, label


def rows(body, form):
    """How many rows say anything, each format read by its own reader: a null is two line feeds in some, nothing in others."""
    if form == "json":
        return sum(any(row.values()) for row in json.loads(body))
    if form == "csv":
        return sum(any(row) for row in csv.reader(io.StringIO(body))) - 1
    if form == "xml":
        return sum(any(text.strip() for text in row.itertext()) for row in tree.fromstring(body))
    cells = [re.sub("<[^>]*>", " ", row).split() for row in re.split("(?i)<tr>", body)[1:]]
    return sum(any(word not in ("null", "&nbsp;") for word in words) for words in cells) - 1


def main():
    fetched = 0
    for path, (endpoints, formats) in GENERATIONS.items():
        for endpoint in endpoints.split():
            of = [f"Collection={COLLECTION}"] if endpoint in BY_COLLECTION.split() else []
            counts = {}
            for form in formats:
                body, label = curl(f"{path}/{endpoint}", *of, f"format={form}")
                counts[form] = rows(body, form)
                assert form in label, f"{path}/{endpoint} as {form} is labelled {label}"
                fetched += 1
            assert len(set(counts.values())) == 1 and counts["json"] > 0, f"{path}/{endpoint}: {counts}"
    print(f"curl: {fetched} lists, the same rows in every format")


main()
