/** What is under way on one file. Handles on the same file share it. */
export interface FileActivity {
  reads: number;
  writes: number;
  exclusives: number;
}

export function idleFile(): FileActivity {
  return { reads: 0, writes: 0, exclusives: 0 };
}

/** What a request touches, which decides what it may run beside. */
export interface Access {
  readonly on: "nothing" | "path" | "file";
  /** Only for files. Shared: beside other readers. Joined: beside other writes. */
  readonly mode: "shared" | "joined" | "exclusive";
  /** Whether a request that looks at paths could see a difference. */
  readonly changes: boolean;
  readonly files: readonly FileActivity[];
}

export const NO_ACCESS: Access = { on: "nothing", mode: "shared", changes: false, files: [] };
export const PATH_READ: Access = { on: "path", mode: "shared", changes: false, files: [] };
export const PATH_CHANGE: Access = { on: "path", mode: "exclusive", changes: true, files: [] };

/**
 * Starts requests so that the outcome is as if they had run one after the other in the order in which they came
 * (draft-ietf-secsh-filexfer-02, section 6.1), and yet side by side where nobody can tell: reads beside reads, writes to
 * one file joined, work on different files. A request that has to wait makes all later ones wait, so none starves.
 */
export class RequestOrder<T> {
  readonly #accessOf: (request: T) => Access;
  readonly #start: (request: T, access: Access) => void;
  readonly #waiting: T[] = [];
  #advancing = false;
  #pathReads = 0;
  #pathChanges = 0;
  #fileRequests = 0;
  #fileChanges = 0;

  /**
   * `accessOf` is asked anew each time a request might start: what its handle stands for can change while it waits.
   * `start` begins it; {@link finish} must be called with the same access when it is over.
   */
  constructor(accessOf: (request: T) => Access, start: (request: T, access: Access) => void) {
    this.#accessOf = accessOf;
    this.#start = start;
  }

  submit(request: T): void {
    this.#waiting.push(request);
    this.#advance();
  }

  finish(access: Access): void {
    this.#count(access, -1);
    this.#advance();
  }

  #advance(): void {
    // A request that is over before its start returns comes back here through finish: the loop below goes on for it.
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#waiting.length > 0) {
        const request = this.#waiting[0]!;
        const access = this.#accessOf(request);
        if (!this.#mayStart(access)) return;
        this.#waiting.shift();
        this.#count(access, 1);
        this.#start(request, access);
      }
    } finally {
      this.#advancing = false;
    }
  }

  #mayStart(access: Access): boolean {
    switch (access.on) {
      case "nothing":
        return true;
      case "path":
        if (this.#pathChanges > 0 || this.#fileChanges > 0) return false;
        return !access.changes || (this.#pathReads === 0 && this.#fileRequests === 0);
      case "file":
        if (this.#pathChanges > 0 || (access.changes && this.#pathReads > 0)) return false;
        return access.files.every((file) => isFree(file, access.mode));
    }
  }

  #count(access: Access, by: 1 | -1): void {
    if (access.on === "path") {
      if (access.changes) this.#pathChanges += by;
      else this.#pathReads += by;
    } else if (access.on === "file") {
      this.#fileRequests += by;
      if (access.changes) this.#fileChanges += by;
      for (const file of access.files) {
        if (access.mode === "shared") file.reads += by;
        else if (access.mode === "joined") file.writes += by;
        else file.exclusives += by;
      }
    }
  }
}

function isFree(file: FileActivity, mode: Access["mode"]): boolean {
  if (file.exclusives > 0) return false;
  if (mode === "shared") return file.writes === 0;
  if (mode === "joined") return file.reads === 0;
  return file.reads === 0 && file.writes === 0;
}
