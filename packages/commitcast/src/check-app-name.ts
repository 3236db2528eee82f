/** Checks an app's name, which begins the names of its topics, and returns it. */
export function checkAppName(app: string): string {
  if (/^[A-Za-z0-9_-]{1,60}$/.test(app)) return app
  throw new RangeError(`The app name ${JSON.stringify(app)} can't be used: take 1 to 60 letters, digits, "-" and "_".`)
}
