export { default } from "@waybill/jest-config";
