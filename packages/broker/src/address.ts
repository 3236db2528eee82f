import { CommitcastError } from '@commitcast/events'
import { maskPassword } from '@commitcast/worker'

/** An address that can't be used, found before anything was tried. The message shows no password and no token. */
export class InvalidAddress extends CommitcastError {
  override readonly name = 'InvalidAddress'
  readonly code = 'INVALID_ADDRESS'
}

export interface InvalidAddressOptions {
  /** An address that could be used. */
  readonly example: string
  readonly cause?: unknown
}

/** The error for an address, with what is wrong where that can be seen. */
export function invalidAddress(text: string, { example, cause }: InvalidAddressOptions): InvalidAddress {
  const isEncoding = cause instanceof URIError
  const why = isEncoding ? 'a "%" in a user or a password is written as %25; ' : ''
  return new InvalidAddress(
    `${JSON.stringify(maskPassword(text))} can't be used: ${why}take an address like ${example}.`,
    // Others show the whole address.
    isEncoding ? { cause } : {},
  )
}
