import { once } from "node:events";
import type { ExecHandler, SshChannel } from "@waybill/ssh-core";

/** What a scripted server does as the `scp` of one command. When it returns, the program has ended with exit code 0. */
export type ScpScript = (program: ScriptedScp) => Promise<unknown>;

/** Every command that a client runs is played by the script. */
export function playScp(script: ScpScript): ExecHandler {
  return (command) => async (channel) => {
    channel.on("error", () => {});
    await script(new ScriptedScp(command, channel));
  };
}

/** The server's end of the SCP protocol, in the hands of a test. */
export class ScriptedScp {
  readonly command: string;
  readonly channel: SshChannel;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest = Buffer.alloc(0);

  constructor(command: string, channel: SshChannel) {
    this.command = command;
    this.channel = channel;
    this.#chunks = channel[Symbol.asyncIterator]();
  }

  /** The client's next answer: its byte, with the text of a refusal. Empty when there is none any more. */
  async answer(): Promise<string> {
    const byte = await this.#read(1);
    if (byte !== "\u0001" && byte !== "\u0002") return byte;
    while (!this.#rest.includes("\n") && (await this.#more()));
    return byte + (await this.#read(this.#rest.indexOf("\n") + 1));
  }

  /** Writes; resolves to whether it could. */
  send(data: string | Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.channel.destroyed) return resolve(false);
      const gone = () => resolve(false);
      this.channel.once("close", gone);
      this.channel.write(data, (error) => {
        this.channel.off("close", gone);
        resolve(!error);
      });
    });
  }

  /** Sends each and waits for the answer to it. */
  async ask(...lines: (string | Buffer)[]): Promise<void> {
    for (const line of lines) {
      await this.send(line);
      await this.answer();
    }
  }

  /** Waits for the client to go away. */
  async gone(): Promise<void> {
    this.channel.resume();
    if (!this.channel.destroyed) await once(this.channel, "close");
  }

  /** Sends the same again and again until the client goes away. */
  async flood(data: string | Buffer): Promise<void> {
    while (await this.send(data));
  }

  async #read(length: number): Promise<string> {
    while (this.#rest.length < length && (await this.#more()));
    const taken = this.#rest.subarray(0, length).toString("utf8");
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  async #more(): Promise<boolean> {
    const step = await this.#chunks.next().catch(() => undefined);
    if (step === undefined || step.done) return false;
    this.#rest = Buffer.concat([this.#rest, step.value]);
    return true;
  }
}
