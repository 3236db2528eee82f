/** The receiver knows by `id` that it has had this one. */
export async function sendMail(id: string, to: string, signal: AbortSignal): Promise<void> {
  const response = await fetch('https://mail.example/send', {
    method: 'POST',
    headers: { 'idempotency-key': id, 'content-type': 'application/json' },
    body: JSON.stringify({ to }),
    signal,
  })
  if (!response.ok) throw new Error(`The mail service answered ${response.status}.`)
}
