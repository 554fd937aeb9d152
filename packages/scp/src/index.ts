export { download } from "./download.js";
export { downloadToStream } from "./download-stream.js";
export type {
  ScpDownloadOptions,
  ScpOptions,
  ScpSource,
  ScpStreamOptions,
  ScpStreamSource,
  ScpUploadOptions,
} from "./options.js";
export type { ScpProgress } from "./progress.js";
export type { ScpFileResult, ScpResult } from "./result.js";
export { upload } from "./upload.js";
