/** The version of the protocol that this package speaks: draft-ietf-secsh-filexfer-02, section 4. */
export const PROTOCOL_VERSION = 3;

/** Packet types, `SSH_FXP_*`, draft-ietf-secsh-filexfer-02, section 3. */
export const PacketType = {
  INIT: 1,
  VERSION: 2,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
  EXTENDED_REPLY: 201,
} as const;

/** Status codes, `SSH_FX_*`, draft-ietf-secsh-filexfer-02, section 7. */
export const StatusCode = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  OP_UNSUPPORTED: 8,
} as const;

/** Bits of the pflags of an OPEN request, `SSH_FXF_*`, draft-ietf-secsh-filexfer-02, section 6.3. */
export const OpenFlag = {
  READ: 0x01,
  WRITE: 0x02,
  APPEND: 0x04,
  CREAT: 0x08,
  TRUNC: 0x10,
  EXCL: 0x20,
} as const;

/** Bits of the flags of attributes, `SSH_FILEXFER_ATTR_*`, draft-ietf-secsh-filexfer-02, section 5. */
export const AttributeFlag = {
  SIZE: 0x00000001,
  UIDGID: 0x00000002,
  PERMISSIONS: 0x00000004,
  ACMODTIME: 0x00000008,
  EXTENDED: 0x80000000,
} as const;

/** Bytes of a DATA packet before its data: length, type, request id, length of the data. */
export const DATA_HEADER_BYTES = 13;

/** A packet is at least its type and four bytes: a request id, or the version of an INIT. */
export const MIN_PACKET_BYTES = 5;
