/** The algorithms of one direction of a connection (RFC 4253 section 7.1). */
export interface DirectionAlgorithms {
  readonly cipher: string;
  /** Empty when the cipher authenticates by itself (AES-GCM, ChaCha20-Poly1305). */
  readonly mac: string;
  readonly compression: string;
}

/** What both sides agreed on (RFC 4253 section 7.1). */
export interface NegotiatedAlgorithms {
  readonly kex: string;
  readonly hostKey: string;
  readonly clientToServer: DirectionAlgorithms;
  readonly serverToClient: DirectionAlgorithms;
}

/** One end of the TCP connection under a session. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** One authenticated SSH connection, either role. */
export interface SshSession {
  /** Random and unique: 128 bits as hexadecimal. */
  readonly id: string;
  readonly user: string;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  /** What the other side called itself, without `SSH-2.0-`. */
  readonly remoteSoftware: string;
  readonly negotiated: NegotiatedAlgorithms;
  readonly connectedAt: Date;
  /** Bytes on the socket so far, everything counted. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Aborted when this side is about to close in good order: finish what is in flight and start nothing new. */
  readonly closing: AbortSignal;
  /** Resolves when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  /** Disconnects (RFC 4253 section 11.1). What its channels had not sent is lost. Resolves with `closed`. */
  close(): Promise<void>;
}
