// Packages are tested from their sources: `@waybill/x` is read from `packages/x/src`, so that a test never
// runs against an old build. Programs that tests start (the CLI) are the built ones.
export default {
  testEnvironment: "node",
  testMatch: ["<rootDir>/src/**/*.test.ts", "<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: { target: "es2022", parser: { syntax: "typescript" } },
        module: { type: "es6" },
        sourceMaps: "inline",
      },
    ],
  },
  moduleNameMapper: {
    "^@waybill/testing$": "<rootDir>/../../tools/testing/src/index.ts",
    "^@waybill/(net-core|cert-store|ssh-core|scp|sftp-server)$": "<rootDir>/../../packages/$1/src/index.ts",
    "^(\\.{1,2}/.*)\\.js$": "$1",
  },
  maxWorkers: process.env.JEST_WORKERS ?? "50%",
};
