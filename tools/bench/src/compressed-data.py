# The stage that Debian's openssl lacks, as a filter: puts the content into a CompressedData (RFC 3274), zlib's level 6, or
# takes it out of one. It reads what both sides of the benchmark write: primitive pieces of a constructed string.
import sys
import zlib

CHUNK = 256 * 1024
LEVEL = 6

# ContentInfo { id-ct-compressedData, CompressedData { version 0,
START = bytes.fromhex("3080 060b2a864886f70d0109100109 a080 3080 020100")
# { id-alg-zlibCompress },
ALGORITHM = bytes.fromhex("300d 060b2a864886f70d0109100308")
# { id-data, the string
ENCAPSULATED = bytes.fromhex("3080 06092a864886f70d010701 a080 2480")
# Of the string, what is around it, EncapsulatedContentInfo, CompressedData, what is around it and ContentInfo.
ENDS = bytes(2 * 6)
OCTET_STRING = 4

source = sys.stdin.buffer
target = sys.stdout.buffer


def write_piece(octets):
    if octets:
        target.write(b"\x04\x84" + len(octets).to_bytes(4, "big"))
        target.write(octets)


def compress():
    target.write(START + ALGORITHM + ENCAPSULATED)
    deflate = zlib.compressobj(LEVEL)
    while chunk := source.read(CHUNK):
        write_piece(deflate.compress(chunk))
    write_piece(deflate.flush())
    target.write(ENDS)


def need(count):
    octets = source.read(count)
    if len(octets) != count:
        sys.exit("the message ends too early")
    return octets


def expect(wanted):
    found = need(len(wanted))
    if found != wanted:
        sys.exit(f"found {found.hex()} instead of {wanted.hex()}")


def piece_length():
    first = need(1)[0]
    return first if first < 0x80 else int.from_bytes(need(first & 0x7F), "big")


def uncompress():
    expect(START + ALGORITHM + ENCAPSULATED)
    inflate = zlib.decompressobj()
    while (tag := need(1)[0]) == OCTET_STRING:
        target.write(inflate.decompress(need(piece_length())))
    if tag != ENDS[0]:
        sys.exit("something else is between the pieces")
    expect(ENDS[1:])
    if source.read(1):
        sys.exit("bytes follow the end of the message")
    target.write(inflate.flush())
    if not inflate.eof:
        sys.exit("the compressed content is not whole")


{"compress": compress, "uncompress": uncompress}[sys.argv[1]]()
target.flush()
