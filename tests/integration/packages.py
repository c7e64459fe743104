#!/usr/bin/env python3
"""packages.py FOLDER [URL] - packages as nobody should make them, and what is to be said of each.

Writes FOLDER/<name>.ma and, a line each, "<name> <reason>" to standard output; "ok" is a reason.
With URL also FOLDER/<name>.json, an update index for each that tells the truth about it, so that it
is for nothing else that the package is refused; what no index can name (no bytes, no files) is left
out. Its sequence is its line's number and one.
Every ZIP is put together by hand, since libraries refuse to write most of them.
"""
import hashlib
import io
import json
import os
import struct
import sys
import zipfile
import zlib

S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR = 0o100000, 0o040000, 0o120000, 0o010000, 0o020000

MANIFEST = (b'{"app_id":"org.example.clock","name":"Clock","version":{"code":3},'
            b'"miniprog":{"exec":["bin/clock"]}}')
PROGRAM = b"#!/bin/sh\nexit 0\n"


class Entry:
    """One file or folder; whatever a header can say may be said otherwise by a keyword."""

    def __init__(self, name, data=b"", method=8, mode=None, **say):
        self.name = name.encode() if isinstance(name, str) else name
        self.data, self.method, self.say = data, method, say
        folder = self.name.endswith(b"/")
        if folder:
            self.method = method = 0
        if mode is None:
            mode = S_IFDIR | 0o755 if folder else S_IFREG | 0o644
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = squeeze.compress(data) + squeeze.flush() if method == 8 else data
        self.packed = say.get("packed_bytes", packed)
        self.fields = dict(made=0x0314, need=20, flags=0, method=method, crc=zlib.crc32(data),
                           packed=len(self.packed), size=len(data), attributes=mode << 16,
                           name=self.name, extra=b"", comment=b"", disk=0)
        if any(b >= 0x80 for b in self.name):
            self.fields["flags"] |= 0x800

    def get(self, field, where):
        """where: "local", "central" or "descriptor"."""
        return self.say.get(where + "_" + field, self.say.get(field, self.fields[field]))

    def local(self):
        g = lambda field: self.get(field, "local")
        later = g("flags") & 8 and not self.say.get("sizes_anyway")
        sums = (0, 0, 0) if later else (g("crc"), g("packed"), g("size"))
        head = struct.pack("<IHHHHHIIIHH", 0x04034b50, g("need"), g("flags"), g("method"), 0, 33,
                           *sums, len(g("name")), len(g("extra")))
        body = head + g("name") + g("extra") + self.packed
        if g("flags") & 8:
            d = lambda field: self.get(field, "descriptor")
            body += self.say.get("descriptor_magic", b"PK\7\10")
            body += struct.pack("<III", d("crc"), d("packed"), d("size"))
        return body + self.say.get("behind", b"")

    def central(self, offset):
        g = lambda field: self.get(field, "central")
        return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014b50, g("made"), g("need"), g("flags"),
                           g("method"), 0, 33, g("crc"), g("packed"), g("size"), len(g("name")),
                           len(g("extra")), len(g("comment")), g("disk"), 0, g("attributes"),
                           self.say.get("offset", offset)) + g("name") + g("extra") + g("comment")


def end(n, size, offset, comment=b"", disk=0, n_here=None):
    return struct.pack("<IHHHHIIH", 0x06054b50, disk, disk, n if n_here is None else n_here, n,
                       size, offset, len(comment)) + comment


def archive(entries, before=b"", between=b"", behind=b"", order=None, **say):
    body, offsets = before, []
    for entry in entries:
        offsets.append(len(body))
        body += entry.local()
    body += between
    pairs = list(zip(entries, offsets))
    directory = b"".join(e.central(o) for e, o in (order(pairs) if order else pairs))
    directory += say.pop("directory_rest", b"")
    offset = say.pop("directory_offset", len(body))
    return body + directory + say.pop("before_end", b"") + end(
        say.pop("n", len(entries)), say.pop("directory_size", len(directory)), offset, **say) + behind


def app(*more, manifest=MANIFEST, **say):
    entries = [Entry("bin/", b""), Entry("bin/clock", PROGRAM, mode=S_IFREG | 0o755)]
    if manifest is not None:
        entries.append(Entry("manifest.json", manifest))
    return archive(entries + list(more), **say)


def signing_block(magic=b"RPK Sig Block 42", lie=0):
    pair = struct.pack("<QI", 4 + 5, 0x01000101) + b"hello"
    size = len(pair) + 8 + 16
    return struct.pack("<Q", size + lie) + pair + struct.pack("<Q", size) + magic


def unicode_path(name, of):
    body = struct.pack("<BI", 1, zlib.crc32(of)) + name
    return struct.pack("<HH", 0x7075, len(body)) + body


def javascript(prefix=b"", pages=b'"pages/home"', files=(b"pages/home.html", b"pages/home.js")):
    """As the packages of w3c/miniapp-tests are built."""
    manifest = (b'{"app_id":"org.example.w3c","name":"W3C","icons":[{"src":"common/icon.png"}],'
                b'"pages":[' + pages + b'],"version":{"code":1,"name":"1.0.0"},'
                b'"platform_version":{"min_code":1}}')
    all_files = {b"manifest.json": manifest, b"app.js": b"", b"app.css": b"",
                 b"common/icon.png": b"\x89PNG", **{f: b"" for f in files}}
    return [Entry(prefix + name, data, need=10) for name, data in all_files.items()]


def good():
    yield "good", app()
    yield "good-stored", archive([Entry("bin/clock", PROGRAM, 0), Entry("manifest.json", MANIFEST, 0)])
    yield "good-descriptors", app(Entry("a", b"abc" * 99, flags=8))
    yield "good-descriptors-plain", app(Entry("a", b"abc" * 99, flags=8, descriptor_magic=b""))
    yield "good-descriptors-twice", app(Entry("a", b"abc" * 99, flags=8, sizes_anyway=True))
    yield "good-other-order", app(order=lambda pairs: pairs[::-1])
    yield "good-no-folders", archive([Entry("manifest.json", MANIFEST), Entry("bin/clock", PROGRAM),
                                      Entry("a/b/c/d", b"x")])
    yield "good-late-folder", app(Entry("a/b", b"x"), Entry("a/", b""))
    yield "good-utf8", app(Entry("pages/é中.js", b"x"), Entry("e\u0301", b"y"))
    yield "good-utf8-unmarked-unix", app(Entry("é.js", b"x", flags=0))
    yield "good-times", app(Entry("a", b"x", extra=struct.pack("<HHBI", 0x5455, 5, 1, 7)))
    yield "good-same-unicode-path", app(Entry("é", b"x", extra=unicode_path("é".encode(), "é".encode())))
    yield "good-signing-block", app(between=signing_block())
    yield "good-signing-block-mix", app(between=signing_block(b"MIX Sig Block 42"))
    yield "good-signing-block-descriptor", archive(
        [Entry("bin/clock", PROGRAM), Entry("manifest.json", MANIFEST, flags=8)],
        between=signing_block())
    yield "good-nested-late", app(Entry("z", app(), 0))
    yield "good-nested", app(Entry("inner.zip", app(), 0), Entry("z", os.urandom(70000), 0))
    yield "good-empty-files", app(Entry("a", b"", 0), Entry("b", b"", 8))
    yield "good-depth", app(Entry("/".join("d" * 31) + "/f", b"x"))
    yield "good-dos", app(Entry("a", b"x", made=0x0014, attributes=0x20))


def paths():
    for i, name in enumerate([
            "../x", "a/../../x", "a/../x", "/x", "//x", "a//b", ".", "./x", "a/.", "..", "a/..",
            "..\\x", "a\\b", "C:", "C:\\x", "c:x", "", "/", "a/./b", "x.", "x./y", "a\nb", "a\rb", "a\tb",
            "a\0b", "\0", "a\x7fb", "a\x1bb", "a\u0085b", "a\u202eb", "a\u2066b", "a\ufffdb", "a\uffffb",
            "a\ue000b", "a\U000f0000b", "a\U000e0001b", "\ufdd0", "a\"b", "a*b", "a<b", "a>b", "a|b",
            "x" * 256, "é" * 128, b"\xff", b"a\xc0\xafb", b"\xed\xa0\x80", b"caf\xe9"]):
        yield "path-%02d" % i, app(Entry(name, b"" if name == "/" else b"x"))
    yield "path-folder", app(Entry("../x/", b""))
    yield "path-case", app(Entry("README", b"1"), Entry("readme", b"2"))
    yield "path-case-folder", app(Entry("A/x", b"1"), Entry("a/y", b"2"))
    yield "path-case-folder-file", app(Entry("BIN", b"1"))
    yield "path-sharp-s", app(Entry("straße", b"1"), Entry("STRASSE", b"2"))
    yield "path-nfc", app(Entry("\u00e9", b"1"), Entry("e\u0301", b"2"))
    yield "path-nfc-case", app(Entry("\u00c9", b"1"), Entry("e\u0301", b"2"))
    yield "path-unmarked", app(Entry("é", b"1", flags=0, made=0x0014))
    yield "path-two-names", app(Entry("a", b"1", extra=unicode_path(b"b", b"a")))
    yield "path-two-names-stale", app(Entry("a", b"1", extra=unicode_path(b"a", b"x")))
    yield "path-two-names-local", app(Entry("a", b"1", local_extra=unicode_path(b"b", b"a")))


def types():
    yield "type-symlink", app(Entry("l", b"/etc/passwd", mode=S_IFLNK | 0o777))
    yield "type-symlink-inside", app(Entry("l", b"manifest.json", mode=S_IFLNK | 0o777))
    yield "type-symlink-then-write", app(Entry("d", b"/tmp", mode=S_IFLNK | 0o777), Entry("d/x", b"x"))
    yield "type-symlink-dos", app(Entry("l", b"/etc/passwd", mode=S_IFLNK | 0o777, made=0x0014))
    yield "type-symlink-windows", app(Entry("l", b"x", made=0x0014, attributes=0x420))
    yield "type-fifo", app(Entry("p", b"", mode=S_IFIFO | 0o644))
    yield "type-device", app(Entry("c", b"", mode=S_IFCHR | 0o644))
    yield "type-setuid", app(Entry("s", b"x", mode=S_IFREG | 0o4755))
    yield "type-setgid", app(Entry("s", b"x", mode=S_IFREG | 0o2755))
    yield "type-sticky", app(Entry("s/", b"", mode=S_IFDIR | 0o1777))
    yield "type-folder-as-file", app(Entry("f", b"", mode=S_IFDIR | 0o755))
    yield "type-file-as-folder", app(Entry("f/", b"", mode=S_IFREG | 0o644))
    yield "type-folder-dos", app(Entry("f", b"", made=0x0014, attributes=0x10))
    yield "type-hard-link", app(Entry("h", b"", extra=struct.pack("<HHII4s", 0x000d, 12, 0, 0, b"x")))
    yield "type-asi", app(Entry("h", b"", extra=struct.pack("<HH", 0x756e, 0)))
    yield "type-acl", app(Entry("a", b"x", extra=struct.pack("<HHI", 0x4453, 4, 0)))
    yield "type-xattr", app(Entry("a", b"x", local_extra=struct.pack("<HHI", 0x2605, 4, 0)))
    yield "type-manifest-folder", app(Entry("manifest.json/", b""), manifest=None)


def second_end():
    """A stored file whose bytes are an end record, with a comment up to the end of the package."""
    inner = end(0, 0, 0)
    whole = app(Entry("e", inner, 0))
    comment = len(whole) - whole.index(inner) - len(inner)
    return app(Entry("e", inner[:-2] + struct.pack("<H", comment), 0))


def second_end_shorter(directory):
    """The same with a comment that ends before the package does, and with a directory of its own."""
    inner = Entry("b", b"x").central(0) if directory else b""
    inner += end(1 if directory else 0, len(inner), 31 if directory else 0)
    return archive([Entry("e", inner, 0), Entry("manifest.json", MANIFEST)])


def formats():
    whole = app()
    yield "format-empty", b""
    yield "format-text", b"This is not a package.\n" * 10
    yield "format-tar", b"manifest.json" + bytes(1011)
    yield "format-no-directory", whole[:whole.index(b"PK\1\2")]
    yield "format-prefix", b"#!/bin/sh\n" + whole
    yield "format-prefix-told", app(before=b"#!/bin/sh\n")
    yield "format-suffix", whole + b"\n"
    yield "format-comment", app(comment=b"hello")
    yield "format-entry-comment", app(Entry("a", b"x", comment=b"hello"))
    yield "format-two-packages", whole + whole
    yield "format-second-end", second_end()
    yield "format-second-end-shorter", second_end_shorter(False)
    yield "format-second-end-directory", second_end_shorter(True)
    yield "format-gap", app(Entry("a", b"x", behind=b"hidden"))
    yield "format-gap-before-directory", app(between=b"hidden")
    yield "format-gap-large", app(between=bytes(64))
    yield "format-signing-block-lies", app(between=signing_block(lie=1))
    yield "format-signing-block-unknown", app(between=signing_block(b"RPK Sig Block 43"))
    yield "format-directory-rest", app(directory_rest=b"PK\1\2")
    yield "format-directory-gap", app(before_end=b"hidden")
    yield "format-directory-offset", app(directory_offset=4)
    yield "format-directory-size", app(directory_size=10)
    yield "format-too-few", app(n=2)
    yield "format-too-many", app(n=4)
    yield "format-disks", app(disk=1)
    yield "format-disk-counts", app(n_here=1)
    yield "format-entry-disk", app(Entry("a", b"x", disk=1))
    yield "format-encrypted", app(Entry("a", b"x", flags=1))
    yield "format-encrypted-strong", app(Entry("a", b"x", flags=0x41))
    yield "format-masked", app(Entry("a", b"x", flags=0x2000))
    yield "format-bzip2", app(Entry("a", b"x", method=12))
    yield "format-lzma", app(Entry("a", b"x", method=14, need=63))
    yield "format-deflate64", app(Entry("a", b"x", method=9))
    yield "format-needs", app(Entry("a", b"x", need=45))
    yield "format-zip64-extra", app(Entry("a", b"x", extra=struct.pack("<HHQQ", 1, 16, 1, 1)))
    yield "format-zip64-extra-local", app(Entry("a", b"x", local_extra=struct.pack("<HHQQ", 1, 16, 1, 1)))
    yield "format-zip64-end", app(before_end=struct.pack("<IIQI", 0x07064b50, 0, 0, 1),
                                  directory_size=0xFFFFFFFF)
    yield "format-zip64-sizes", app(Entry("a", b"x", central_packed=0xFFFFFFFF, central_size=0xFFFFFFFF))
    yield "format-zip64-count", app(n=0xFFFF)
    yield "format-extra-broken", app(Entry("a", b"x", extra=struct.pack("<HH", 0x5455, 99)))
    yield "format-extra-cut", app(Entry("a", b"x", extra=b"UT\5"))
    yield "format-local-name", app(Entry("a", b"x", local_name=b"b"))
    yield "format-local-name-length", app(Entry("a", b"x", local_name=b"ab"))
    yield "format-local-size", app(Entry("a", b"x" * 99, local_size=98))
    yield "format-local-packed", app(Entry("a", b"x" * 99, local_packed=3))
    yield "format-local-crc", app(Entry("a", b"x", local_crc=7))
    yield "format-local-method", app(Entry("a", b"x", 0, local_method=8))
    yield "format-local-flags", app(Entry("a", b"x", local_flags=8))
    yield "format-local-encrypted", app(Entry("a", b"x", local_flags=1))
    yield "format-descriptor-crc", app(Entry("a", b"x", flags=8, descriptor_crc=7))
    yield "format-descriptor-size", app(Entry("a", b"x" * 99, flags=8, descriptor_size=7))
    yield "format-descriptor-packed", app(Entry("a", b"x" * 99, flags=8, descriptor_packed=7))
    yield "format-descriptor-missing", app(Entry("a", b"x", flags=8, local_flags=8, central_flags=0))
    yield "format-stored-two-sizes", app(Entry("a", b"x" * 9, 0, size=8))
    yield "format-overlap", app(Entry("a", b"x"), Entry("b", b"x", offset=0))
    yield "format-overlap-inner", app(Entry("a", Entry("b", b"x").local(), 0), Entry("b", b"x", offset=61))
    yield "format-offset-outside", app(Entry("a", b"x", offset=0xFFFFFF00))
    yield "format-offset-directory", app(Entry("a", b"x", offset=len(whole) - 60))
    yield "format-twice", app(Entry("a", b"1"), Entry("a", b"2"))
    yield "format-twice-folder", app(Entry("a/", b""), Entry("a/", b""))
    yield "format-file-and-folder", app(Entry("a", b"1"), Entry("a/b", b"2"))
    yield "format-folder-and-file", app(Entry("a/b", b"1"), Entry("a", b"2"))
    yield "format-folder-with-bytes", app(Entry("a/", b"x", packed_bytes=b"x", packed=1, size=1))
    yield "format-longer", app(Entry("a", b"x" * 1000, size=999, crc=zlib.crc32(b"x" * 999)))
    yield "format-shorter", app(Entry("a", b"x" * 1000, size=1001))
    yield "format-deflate-broken", app(Entry("a", b"x" * 1000, packed_bytes=b"\xff\xff\xff\xff"))


def crcs():
    yield "crc-deflated", app(Entry("a", b"hello" * 100, crc=7))
    yield "crc-stored", app(Entry("a", b"hello", 0, crc=zlib.crc32(b"hellO")))
    yield "crc-zero", app(Entry("a", b"hello", crc=0))
    yield "crc-deflate-cut", app(Entry("a", os.urandom(5000), packed_bytes=b"\x00\x88\x13\x77\xec" + bytes(99)))
    yield "crc-empty", app(Entry("a", b"", 0, crc=7))


def limits():
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    packed = b"".join(squeeze.compress(zeros) for _ in range(200)) + squeeze.flush()
    crc = 0
    for _ in range(200):
        crc = zlib.crc32(zeros, crc)
    yield "limits-bomb", app(Entry("a", b"", packed_bytes=packed, packed=len(packed), size=200 << 20, crc=crc))
    yield "limits-lie", app(Entry("a", b"x", size=0xFFFFFFFE))
    yield "limits-sum", app(*[Entry("f%d" % i, b"x", size=0x30000000) for i in range(2)])
    yield "limits-70000-files", app(n=0xFFFE)
    many = [Entry("d/%05d" % i, b"", 0) for i in range(20001)]
    yield "limits-20001-files", app(*many)
    yield "limits-implied-folders", app(*[Entry("d%d/" % i + "x/" * 25 + "f", b"", 0) for i in range(800)])
    yield "limits-depth", app(Entry("d/" * 32 + "f", b"x"))
    yield "limits-path", app(Entry("/".join(["n" * 200] * 20), b"x"))


def trees():
    yield "missing-manifest", app(manifest=None)
    yield "missing-no-entries", archive([])
    yield "missing-program", archive([Entry("manifest.json", MANIFEST)])
    yield "manifest-bad", app(manifest=b"{}")
    yield "manifest-no-json", app(manifest=b"\xff\xfe")
    yield "manifest-twice", app(manifest=MANIFEST[:-1] + b',"app_id":"b"}')
    yield "manifest-large", app(manifest=MANIFEST + b" " * 300000)
    yield "platform-new", app(manifest=MANIFEST[:-1] + b',"platform_version":{"min_code":99}}')


def w3c():
    """The nine built packages of w3c/miniapp-tests: everything below src/, beside a test.jsonld."""
    shapes = {
        "lcy-global-launched-callback-page-path": (),
        "mnf-window-fullscreen-default": (), "mnf-window-fullscreen-true": (),
        "mnf-window-orientation-default": (), "mnf-window-orientation-landscape": (),
        "mnf-window-orientation-portrait": (), "mnf-window-background-color": (),
        "pkg-pages-same-filenames": (b"pages/home/home.html", b"pages/home/home.js"),
        "pkg-root-app-css-empty": (),
    }
    for name, more in shapes.items():
        files = (b"pages/home.html", b"pages/home.js") + more
        inner = javascript(b"src/", b'"pages/home/home"', files)
        yield "w3c-" + name, archive([Entry("test.jsonld", b"{}", need=10)] + inner)
        rooted = archive(javascript(b"", b'"pages/home/home"',
                                    tuple(f for f in files if f not in more)))
        yield "w3c-missing-" + name, rooted
        yield "w3c-good-" + name, archive(javascript(b"", b'"pages/home"', files))


def reason_of(name):
    if name.startswith("w3c-good-"):
        return "ok"
    if name.startswith("w3c-"):
        return "missing"
    return {"good": "ok"}.get(name.split("-")[0], name.split("-")[0])


def contents(data):
    """What an index would say of them: bytes and files."""
    try:
        infos = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except Exception:  # whatever a library makes of these
        return len(data), min(len(data), 1)
    files = [i for i in infos if not i.filename.endswith("/")]
    return min(sum(i.file_size for i in files), 1 << 30), min(len(files), 20000)


def can_be_named(data):
    return contents(data)[1] > 0


def index(name, data, url, sequence):
    size, files = contents(data)
    return json.dumps({
        "app_id": "org.example.clock", "sequence": sequence, "expires": "2099-01-01T00:00:00Z",
        "packages": [{"code": 3, "name": "3", "url": "%s/%s.ma" % (url, name), "size": len(data),
                      "sha256": hashlib.sha256(data).hexdigest(), "unpacked_size": size,
                      "files": files}]})


def main():
    folder, url = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    sequence = 1
    for group in (good, paths, types, formats, crcs, limits, trees, w3c):
        for name, data in group():
            if url and not can_be_named(data):
                continue
            sequence += 1
            with open(os.path.join(folder, name + ".ma"), "wb") as out:
                out.write(data)
            if url:
                with open(os.path.join(folder, name + ".json"), "w") as out:
                    out.write(index(name, data, url, sequence))
            print(name, reason_of(name))


if __name__ == "__main__":
    main()
