/** An address, or a text with addresses, without password or token. */
export function maskPassword(text: string): string {
  // What is alone before the `@` may be a token.
  return text.replace(/(\/\/(?:[^:/@\s]*:)?)\S*@/g, '$1***@')
}
