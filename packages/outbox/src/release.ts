/** The release that this code belongs to, as `package.json` says; a test compares them. `migrate` notes it in the tables. */
export const release = '0.1.0'
