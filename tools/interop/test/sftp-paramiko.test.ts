import { paramiko } from "../src/clients/paramiko.js";
import { describeSftpClient } from "../src/sftp-client-job.js";

describeSftpClient(paramiko);
