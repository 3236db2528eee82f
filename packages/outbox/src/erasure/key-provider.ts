/**
 * Guards the keys of subjects. Each subject has one random key of 32 bytes, which Commitcast makes; the table `subject_key` holds
 * what `wrap` makes of it. For a key management service, wrap with a key that only the service has: then a backup of the
 * database alone decrypts nothing.
 *
 * What is thrown counts as an outage: an append fails and can be tried again, and workers wait.
 */
export interface KeyProvider {
  /** Makes of a subject's key what is stored. */
  wrap(key: Uint8Array, subject: string): Promise<Uint8Array>
  /** The reverse. Asked at most every five seconds for a subject and process. */
  unwrap(wrapped: Uint8Array, subject: string): Promise<Uint8Array>
}

/** Keeps the keys of subjects in the table as they are: a reader of the table, or of a backup of it, can decrypt. The default. */
export function postgresKeys(): KeyProvider {
  return { wrap: async (key) => key, unwrap: async (wrapped) => wrapped }
}
