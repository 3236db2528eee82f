const secretNames =
  /^((access|id|auth|session|refresh|bearer)?token|jwt|bearer|auth(orization)?|apikey|password|secret)$/i

/**
 * Whether a URL carries what reads like a credential: a parameter called `token`, `access_token`, `api-key`, …, also inside
 * the `connectionParams` that tRPC's SSE link writes into the URL. URLs end up in logs, histories and referrers.
 */
export function hasTokenInUrl(url: string): boolean {
  // Not URL: what a client sends as a path need not be one.
  const searchParams = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  return [...searchParams.keys(), ...namesInJson(searchParams.get('connectionParams'))].some((name) =>
    secretNames.test(name.replaceAll(/[_-]/g, '')),
  )
}

function namesInJson(text: string | null): readonly string[] {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    return typeof value === 'object' && value !== null ? Object.keys(value) : []
  } catch {
    return []
  }
}
