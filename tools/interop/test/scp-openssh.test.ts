import { describeWithPeers } from "@waybill/testing";
import { opensshPrograms, startOpensshServer } from "../src/openssh-server.js";
import { scpTransferTests } from "../src/scp-transfer-tests.js";

describeWithPeers("waybill scp with OpenSSH's server", opensshPrograms, () => {
  scpTransferTests(startOpensshServer);
});
