import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const ivBytes = 12
const tagBytes = 16

/** Where a ciphertext belongs: at another place it does not decrypt. */
export interface FieldPlace {
  readonly subject: string
  /** The id of the event, or of what else the field is part of. */
  readonly id: string
  readonly field: string
}

/** Encrypts a text with AES-256-GCM; base64url of the initialisation vector, the tag and the ciphertext. */
export function encryptText(text: string, key: KeyObject, place: FieldPlace): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv(algorithm, key, iv).setAAD(bytesOf(place))
  const encrypted = [cipher.update(text, 'utf8'), cipher.final()]
  return Buffer.concat([iv, cipher.getAuthTag(), ...encrypted]).toString('base64url')
}

/** The reverse. Throws where the text was not encrypted with this key for this place. */
export function decryptText(encrypted: string, key: KeyObject, place: FieldPlace): string {
  const bytes = Buffer.from(encrypted, 'base64url')
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
    .setAAD(bytesOf(place))
    .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString('utf8')
}

function bytesOf({ subject, id, field }: FieldPlace): Buffer {
  return Buffer.from(JSON.stringify([subject, id, field]))
}
