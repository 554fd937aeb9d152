import { lftp } from "../src/clients/lftp.js";
import { describeSftpClient } from "../src/sftp-client-job.js";

describeSftpClient(lftp);
