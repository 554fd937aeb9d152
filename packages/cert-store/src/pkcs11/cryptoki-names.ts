/*
 * The numbers of PKCS #11 (version 3.1, pkcs11t.h) that are used here, by its names for them. The binding has most of
 * them, but not those that came with version 3.
 */

export const CKO_CERTIFICATE = 1;
export const CKO_PUBLIC_KEY = 2;
export const CKO_PRIVATE_KEY = 3;
export const CKO_SECRET_KEY = 4;

export const CKC_X_509 = 0;

export const CKK_RSA = 0;
export const CKK_EC = 3;
export const CKK_GENERIC_SECRET = 0x10;
export const CKK_EC_EDWARDS = 0x40;

export const CKA_CLASS = 0;
export const CKA_TOKEN = 1;
export const CKA_LABEL = 3;
export const CKA_VALUE = 0x11;
export const CKA_CERTIFICATE_TYPE = 0x80;
export const CKA_KEY_TYPE = 0x100;
export const CKA_ID = 0x102;
export const CKA_SENSITIVE = 0x103;
export const CKA_DECRYPT = 0x105;
export const CKA_SIGN = 0x108;
export const CKA_DERIVE = 0x10c;
export const CKA_MODULUS = 0x120;
export const CKA_PUBLIC_EXPONENT = 0x122;
export const CKA_PUBLIC_KEY_INFO = 0x129;
export const CKA_VALUE_LEN = 0x161;
export const CKA_EXTRACTABLE = 0x162;
export const CKA_EC_PARAMS = 0x180;
export const CKA_EC_POINT = 0x181;
export const CKA_ALWAYS_AUTHENTICATE = 0x202;

export const CKM_RSA_PKCS = 1;
export const CKM_RSA_X_509 = 3;
export const CKM_RSA_PKCS_OAEP = 9;
export const CKM_RSA_PKCS_PSS = 0xd;
export const CKM_ECDSA = 0x1041;
export const CKM_ECDH1_DERIVE = 0x1050;
export const CKM_EDDSA = 0x1057;

export const CKD_NULL = 1;
export const CKZ_DATA_SPECIFIED = 1;

/** The binding's own names for kinds of parameters. */
export const CK_PARAMS_RSA_OAEP = 4;
export const CK_PARAMS_RSA_PSS = 5;
export const CK_PARAMS_EC_DH = 6;

export const CKF_DECRYPT = 0x200;
export const CKF_SIGN = 0x800;
export const CKF_DERIVE = 0x80000;

export const CKF_SERIAL_SESSION = 4;
export const CKF_OS_LOCKING_OK = 2;

export const CKF_LOGIN_REQUIRED = 4;
export const CKF_TOKEN_INITIALIZED = 0x400;
export const CKF_USER_PIN_LOCKED = 0x40000;

export const CKU_USER = 1;
export const CKU_CONTEXT_SPECIFIC = 2;

/** The return values that are told apart. */
export const CKR = {
  slotIdInvalid: 0x3,
  generalError: 0x5,
  functionFailed: 0x6,
  argumentsBad: 0x7,
  cantLock: 0xa,
  attributeSensitive: 0x11,
  attributeTypeInvalid: 0x12,
  dataInvalid: 0x20,
  dataLenRange: 0x21,
  deviceRemoved: 0x32,
  encryptedDataInvalid: 0x40,
  encryptedDataLenRange: 0x41,
  functionNotSupported: 0x54,
  keyHandleInvalid: 0x60,
  keyTypeInconsistent: 0x63,
  keyFunctionNotPermitted: 0x68,
  mechanismInvalid: 0x70,
  mechanismParamInvalid: 0x71,
  objectHandleInvalid: 0x82,
  pinIncorrect: 0xa0,
  pinInvalid: 0xa1,
  pinLenRange: 0xa2,
  pinExpired: 0xa3,
  pinLocked: 0xa4,
  sessionClosed: 0xb0,
  sessionHandleInvalid: 0xb3,
  tokenNotPresent: 0xe0,
  tokenNotRecognized: 0xe1,
  userAlreadyLoggedIn: 0x100,
  userNotLoggedIn: 0x101,
  userPinNotInitialized: 0x102,
  cryptokiNotInitialized: 0x190,
  cryptokiAlreadyInitialized: 0x191,
} as const;
