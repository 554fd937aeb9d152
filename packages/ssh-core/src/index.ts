export * from "./channel.js";
export * from "./session.js";
