import type { Identity } from "../certificate-identity.js";
import type { DescribedLayer } from "./layer-report.js";
import { openLayers } from "./open-layers.js";
import type { OpenLimits } from "./open-options.js";
import { OpenState } from "./open-state.js";

/** Options of {@link describeMessage}. */
export interface DescribeOptions {
  /** Keys to look into what is encrypted. Without one that fits, the description ends there. */
  readonly keys?: readonly Identity[] | undefined;
  readonly limits?: Partial<OpenLimits> | undefined;
}

/** The structure of a message. */
export interface MessageDescription {
  /** From the outermost to the innermost. Signatures are not checked: every status is `unchecked`. */
  readonly layers: readonly DescribedLayer[];
  readonly sealedBytes: number;
  /** Undefined when there was no looking into the innermost layer: encrypted, without its content, of a type that is not known. */
  readonly contentBytes: number | undefined;
}

/**
 * What a CMS message is made of, without its content, in constant memory. Reads the message to its end; proves nothing about
 * who made it.
 *
 * Describes what {@link open} does not open, too: signatures without their content, certificates that are sent as
 * SignedData without signers, EncryptedData, DigestedData, AuthenticatedData, content that is not data, algorithms that are
 * not supported, and of content types that are not known their OID.
 *
 * Errors: those of {@link open} about form, limits and keys.
 */
export async function describeMessage(
  source: AsyncIterable<Uint8Array>,
  options: DescribeOptions = {},
): Promise<MessageDescription> {
  const state = new OpenState(options, true);
  let contentBytes = 0;
  for await (const piece of openLayers(source, state)) contentBytes += piece.length;
  const { layers, sealedBytes } = state;
  return { layers, sealedBytes, contentBytes: state.opaque ? undefined : contentBytes };
}
