import { curl } from "../src/clients/curl.js";
import { describeSftpClient } from "../src/sftp-client-job.js";

describeSftpClient(curl);
