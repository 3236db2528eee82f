/** An application's text on our terminal. */
export function shown(text: string, length: number): string {
  const plain = text.replaceAll(/\p{C}/gu, '?')
  return plain.length > length ? `${plain.slice(0, length - 1)}…` : plain
}
