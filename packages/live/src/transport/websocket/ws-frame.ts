/** A text message as a server writes it to a WebSocket without extensions: header and payload (RFC 6455, section 5.2). */
export type WsFrame = Buffer

/** A frame with its header written, for a payload of so many bytes that goes to `at`. */
export function openFrame(payloadBytes: number): { readonly frame: WsFrame; readonly at: number } {
  const at = payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10
  const size = at + payloadBytes
  // What is cut from the pool keeps the whole piece in memory, for as long as a slow client does not take it.
  const frame = size < minOwnBytes ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
  frame[0] = finalText
  frame[1] = at === 2 ? payloadBytes : at === 4 ? 126 : 127
  if (at === 4) frame.writeUInt16BE(payloadBytes, 2)
  else if (at === 10) frame.writeBigUInt64BE(BigInt(payloadBytes), 2)
  return { frame, at }
}

/** The text of a frame, for a socket that makes its own header. */
export function payloadOf(frame: WsFrame): Buffer {
  const length = frame[1]!
  return frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10)
}

const finalText = 0x81
const minOwnBytes = 4_096
