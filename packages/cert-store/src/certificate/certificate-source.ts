import { type ErrorSource, errorSource } from "../error-source.js";

/** The errors about a certificate in whatever `source` stands for: a file, a store, an entry. */
export function certificateSource(source: ErrorSource): ErrorSource {
  return {
    error: source.error,
    damaged: (problem, cause) => source.error("ERR_CERT_DAMAGED", problem, cause),
    unsupported: (problem, cause) => source.error("ERR_CERT_UNSUPPORTED", problem, cause),
  };
}

/** The errors about the certificate in `fileName`, or about `what`. */
export function certificateErrors(fileName: string | undefined, what = "certificate"): ErrorSource {
  return certificateSource(errorSource(fileName, what));
}
