export type {} from "@waybill/oftp-codec";
