import { createRequire } from "node:module";

// Loaded with the first list: programs that never read one need not wait for them.
const require = createRequire(import.meta.url);

export const xmldom = (): typeof import("@xmldom/xmldom") => require("@xmldom/xmldom");
export const xmlCrypto = (): typeof import("xml-crypto") => require("xml-crypto");
