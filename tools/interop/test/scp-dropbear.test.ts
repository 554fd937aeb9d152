import { describeWithPeers } from "@waybill/testing";
import { dropbearPrograms, startDropbearServer } from "../src/dropbear-server.js";
import { scpTransferTests } from "../src/scp-transfer-tests.js";

describeWithPeers("waybill scp with Dropbear's server", dropbearPrograms, () => {
  scpTransferTests(startDropbearServer);
});
