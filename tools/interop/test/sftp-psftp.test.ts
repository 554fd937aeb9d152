import { psftp } from "../src/clients/psftp.js";
import { describeSftpClient } from "../src/sftp-client-job.js";

describeSftpClient(psftp);
