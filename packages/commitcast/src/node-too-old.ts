/** Says that this Node is too old, or nothing. `engines` of the packages has the same number; npm only warns of it. */
export function nodeTooOld(version: string = process.versions.node): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 12)) return undefined
  return `Commitcast needs Node 22.12 or later; this is v${version}.`
}
