import { rclone } from "../src/clients/rclone.js";
import { describeSftpClient } from "../src/sftp-client-job.js";

describeSftpClient(rclone);
