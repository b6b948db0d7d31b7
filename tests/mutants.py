"""Files that are broken on purpose: each is made from its kind and its seed alone, so that it can be made again."""

import gzip
import io
import json
import random
import struct
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

KINDS = ("csv", "gzip", "parquet", "zip", "safetensors")
"""Kinds of files; ``mutant(kind, seed)`` makes one."""

ENDINGS = {
    "csv": "log.csv",
    "gzip": "log.csv.gz",
    "parquet": "log.parquet",
    "zip": "run.zip",
    "safetensors": "model.safetensors",
}
"""What a file of a kind is called."""

NASTY = (
    b"\0", b"\xff\xfe", b'"', b"\r", b"\n", b",", b";", b"\x1f\x8b", b"PAR1", b"PK\x03\x04", b"\xef\xbb\xbf", b"1e999",
)  # fmt: skip

CELLS = (
    "", " ", "1", "0", "-1", "+5", "007", "3,5", "1.234,5", "1e999", "-inf", "nan", "NULL", "9" * 25, "1e-320", "0x10",
    "true", "No", "2024-01-31", "31.12.99 23:59", "9999999999999999", "=1+1", "a,b", 'q"q', "new\nline", "tab\there",
    "\u00e9", "\u4e2d\u6587", "\U0001f600", "\u202eabc", "\ufeff", "x" * 3000, "(unknown)", "(missing)", "\x1b[31m",
)  # fmt: skip

NAMES = (
    "user_id", "item_id", "rating", "label", "timestamp", "split", "title", "genre", "", "user_id", "I1", "a" * 300,
    "\u540d", 'quo"te', "line\nbreak", "1", "=x", "index", "__index_level_0__",
)  # fmt: skip

ODD_PATHS = ("../out.json", "/etc/out.json", "a\\..\\out.json", "C:out.json", "\0.json", "x" * 300 + ".json")

VALUES = (
    None, True, False, 0, -1, 2**63, 1e308, float("nan"), float("inf"), "", "x", "../../etc/passwd", "9" * 400, [], {},
    [[]], [None], {"a": 1}, "sample:adult", 10**400, [1.5, "a"],
)  # fmt: skip
"""What a place in a JSON file may hold instead of what belongs there."""


def flip(out, at, length, chance):
    out[at] ^= 1 << chance.randrange(8)


def set_byte(out, at, length, chance):
    out[at] = chance.randrange(256)


def take_out(out, at, length, chance):
    del out[at : at + length]


def repeat(out, at, length, chance):
    out[at:at] = out[at : at + length]


def cut_off(out, at, length, chance):
    del out[at:]


def put_in(out, at, length, chance):
    out[at:at] = chance.choice(NASTY)


def set_zero(out, at, length, chance):
    out[at : at + 8] = bytes(8)


def set_number(out, at, length, chance):
    out[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(out))))


CHANGES = (flip, set_byte, take_out, repeat, cut_off, put_in, set_zero, set_number)


def shaken(content, chance):
    """One to eight changes to the bytes."""
    out = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        out = out or bytearray(b"\n")
        length = chance.randint(1, 1 + len(out) // chance.choice((2, 8, 64)))
        chance.choice(CHANGES)(out, chance.randrange(len(out)), length, chance)
    return bytes(out)


def good_frame(chance):
    """A table as it should be."""
    rng = np.random.default_rng(chance.randrange(2**32))
    frame = pd.DataFrame({name: rng.integers(1, 9, 60) for name in ("user_id", "item_id", "rating")})
    return frame.assign(title=[f'"{i}", é' for i in range(60)], x=rng.normal(size=60), timestamp=range(60))


def odd_rows(chance):
    """Names and rows in which anything may stand anywhere."""
    n_columns, n_rows = chance.randint(1, 7), chance.choice((0, 1, 5, 40, 40, 40, 40, 40))
    if chance.random() < 0.7:
        n_columns = max(n_columns, 3)
        names = ["user_id", "item_id", *chance.sample(NAMES[2:9], n_columns - 2)]
    else:
        names = [chance.choice(NAMES) for _ in range(n_columns)]
    oddness = chance.choice((0.0, 0.0, 0.005, 0.02, 0.3, 1.0))
    rows = [
        [chance.choice(CELLS) if chance.random() < oddness else str(chance.randint(0, 5)) for _ in range(n_columns)]
        for _ in range(n_rows)
    ]
    return names, rows


def csv_text(chance):
    """A text with any delimiter, quotes, line ends, and with lines that are too short or too long."""
    names, rows = odd_rows(chance)
    mark, end = chance.choice(",,,,;;\t|:"), chance.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    quote = chance.choice(("always", "needed", "needed", "never"))

    def cell(text):
        if quote == "always" or (quote == "needed" and any(c in text for c in f'{mark}"\n\r')):
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [mark.join(map(cell, row)) for row in ([names] if chance.random() < 0.85 else []) + rows]
    if lines and chance.random() < 0.15:
        lines.insert(chance.randrange(len(lines) + 1), chance.choice(("", "#", mark * 9, '"', "x" * 70_000)))
    return end.join(lines) + chance.choice(("", end))


def csv_bytes(chance):
    if chance.random() < 0.3:
        content = good_frame(chance).to_csv(index=False).encode()
    else:
        code = chance.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"))
        content = csv_text(chance).encode(code, "replace")
    return shaken(content, chance) if chance.random() < 0.3 else content


def gzip_bytes(chance):
    inner = csv_bytes(chance)
    if chance.random() < 0.05:
        inner = chance.choice((bytes(3_000_000), b"1,2\n" * 500_000, gzip.compress(inner), b"a" * 2_000_000))
    content = gzip.compress(inner, chance.choice((0, 1, 9)), mtime=0)
    for tail in (gzip.compress(csv_bytes(chance), mtime=0), b"\0" * 100, b"rubbish"):
        content += tail if chance.random() < 0.08 else b""
    return shaken(content, chance) if chance.random() < 0.4 else content


def odd_array(n, chance):
    """A column of a type that a table of interactions seldom has."""
    numbers = [chance.randint(-3, 3) for _ in range(n)]
    makers = (
        lambda: pa.array([{"a": v} for v in numbers]),
        lambda: pa.array([[v] for v in numbers]),
        lambda: pa.array([[("k", v)] for v in numbers], pa.map_(pa.string(), pa.int64())),
        lambda: pa.array(numbers, pa.int64()).cast(pa.decimal128(30, 2)),
        lambda: pa.array(numbers, pa.timestamp(chance.choice(("s", "ms", "us", "ns")), chance.choice((None, "UTC")))),
        lambda: pa.array([2**60 * v for v in numbers], pa.timestamp("us")),
        lambda: pa.array(numbers, pa.duration("ns")),
        lambda: pa.array([abs(v) for v in numbers], pa.time32("s")),
        lambda: pa.array([abs(v) for v in numbers], pa.date32()),
        lambda: pa.array(numbers, pa.float32()).cast(pa.float16()),
        lambda: pa.array([bytes([v + 200]) for v in numbers]),
        lambda: pa.array([bytes([v + 70]) * 4 for v in numbers], pa.binary(4)),
        lambda: pa.array([None] * n, pa.null()),
        lambda: pa.array([bool(v) for v in numbers]),
        lambda: pa.array([chance.choice((float("nan"), float("inf"), 1e308, None, 0.5)) for _ in numbers]),
        lambda: pa.array([str(v) if v else None for v in numbers]).dictionary_encode(),
        lambda: pa.array([abs(v) + 2**63 for v in numbers], pa.uint64()),
        lambda: pa.array([chance.choice(CELLS) for _ in numbers], pa.large_string()),
        lambda: pa.array([chance.choice(CELLS) for _ in numbers], pa.string_view()),
    )
    return chance.choice(makers)()


def parquet_bytes(chance):
    n = chance.choice((0, 1, 40, 40, 40))
    frame = good_frame(chance).iloc[:n]
    table = pa.Table.from_pandas(frame, preserve_index=chance.random() < 0.1)
    columns, names = list(table.columns), list(table.column_names)
    for _ in range(chance.choice((0, 1, 2))):
        at = chance.randrange(len(columns))
        columns[at] = odd_array(len(frame), chance)
        if chance.random() < 0.2:
            names[at] = chance.choice(NAMES)
    out = io.BytesIO()
    packing = chance.choice(("none", "snappy", "gzip", "zstd", "lz4"))
    try:
        pq.write_table(pa.table(columns, names), out, compression=packing)
    except pa.ArrowException:  # not every type can be written
        pq.write_table(table, out, compression=packing)
    content = out.getvalue()
    if chance.random() < 0.5:
        return content
    if chance.random() < 0.5:  # the footer alone: the pages behind it stay whole
        length = struct.unpack("<I", content[-8:-4])[0]
        at = len(content) - 8 - length
        return content[:at] + shaken(content[at:-8], chance)[:length].ljust(length, b"\0") + content[-8:]
    return shaken(content, chance)


def safetensors_bytes(chance, good):
    """Tensors, or a header that lies about them."""
    if chance.random() < 0.3:
        return shaken(good, chance)
    length = struct.unpack("<Q", good[:8])[0]
    header, data = json.loads(good[8 : 8 + length]), good[8 + length :]
    for _ in range(chance.randint(1, 3)):
        if header:
            lie(header, chance)
    text = json.dumps(header).encode()
    size = len(text) if chance.random() < 0.9 else chance.choice((0, 1, 2**31, 2**63, 2**64 - 1))
    return struct.pack("<Q", size) + text + data


def lie(header, chance):
    """Put something else into one place of a header."""
    entry = header[chance.choice(list(header))]
    if isinstance(entry, dict) and entry:
        place = chance.choice(list(entry))
        if isinstance(entry[place], list) and entry[place] and chance.random() < 0.7:
            number = chance.choice((0, 1, -1, 2**31, 2**62, 2**64, 1.5, None))
            entry[place][chance.randrange(len(entry[place]))] = number
        elif place == "dtype":
            entry[place] = chance.choice(("F64", "F16", "BF16", "I8", "U64", "BOOL", "F8_E4M3", "evil", "", 7))
        else:
            entry[place] = chance.choice(VALUES)
    if chance.random() < 0.1:
        header[chance.choice(NAMES)] = chance.choice(VALUES)
    if chance.random() < 0.1:
        del header[chance.choice(list(header))]


def with_odd_value(record, chance):
    """A JSON value in which something else stands in one to three places."""
    for _ in range(chance.randint(1, 3)):
        at = record
        while True:
            key = chance.choice(list(at)) if isinstance(at, dict) else chance.randrange(len(at))
            if not (isinstance(at[key], dict | list) and at[key]) or chance.random() < 0.2:
                break
            at = at[key]
        if chance.random() < 0.2:
            del at[key]
        else:
            at[key] = chance.choice(VALUES)
        if not record:
            break
    return record


def odd_table(content, chance):
    """A Parquet file of a run in which columns are missing, too many, or of another type."""
    table = pq.read_table(io.BytesIO(content))
    for _ in range(chance.randint(1, 2)):
        if not table.num_columns:
            break
        at = chance.randrange(table.num_columns)
        if chance.random() < 0.3:
            table = table.remove_column(at)
        elif chance.random() < 0.3:
            table = table.slice(0, chance.choice((0, 1, max(0, table.num_rows - 1))))
        else:
            table = table.set_column(at, table.column_names[at], odd_array(table.num_rows, chance))
    out = io.BytesIO()
    try:
        pq.write_table(table, out)
    except pa.ArrowException:  # not every type can be written
        return content
    return out.getvalue()


def odd_member(name, content, chance):
    if name.endswith(".json"):
        return json.dumps(with_odd_value(json.loads(content), chance)).encode()
    return odd_table(content, chance) if name.endswith(".parquet") else safetensors_bytes(chance, content)


def zip_bytes(chance, members):
    """A run with one or two odd files, odd names, or odd bytes."""
    if chance.random() < 0.25:
        return shaken(packed(members, chance), chance)
    members = dict(members)
    for name in chance.sample(list(members), chance.choice((1, 1, 2))):
        content = members[name]
        members[name] = shaken(content, chance) if chance.random() < 0.2 else odd_member(name, content, chance)
    if chance.random() < 0.1:
        members[chance.choice(ODD_PATHS)] = b"{}"
    if chance.random() < 0.1:
        del members[chance.choice(list(members))]
    return packed(members, chance)


def packed(members, chance):
    out, packing = io.BytesIO(), chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"run/{name}", (2020, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def mutant(kind, seed, members):
    """One file.

    ``members`` are the files of a good run by their names, which zips and tensors are made from.
    """
    chance = random.Random(f"{kind} {seed}")
    if kind == "zip":
        return zip_bytes(chance, members)
    if kind == "safetensors":
        return safetensors_bytes(chance, members["model.safetensors"])
    return {"csv": csv_bytes, "gzip": gzip_bytes, "parquet": parquet_bytes}[kind](chance)
