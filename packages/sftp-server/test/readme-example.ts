import { createServer, type Server } from "node:net";
import { localFileSystem, serveSftp } from "@waybill/sftp-server";

/** Serves a folder to whoever connects to a socket of this machine: SFTP without SSH around it. */
export async function serveFolder(folder: string, socketPath: string): Promise<Server> {
  const fileSystem = await localFileSystem(folder);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    serveSftp(socket, { fileSystem }).catch((error: Error) => socket.destroy(error));
  });
  return server.listen(socketPath);
}
