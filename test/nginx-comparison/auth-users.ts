/** A user file with a line of every form, and whom it lets in. */

/** Published hashes of "myPassword" (Apache's documentation) and of "Hello world!" (the SHA-crypt specification). */
const APR1 = "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/"
const SHA1 = "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE="
const BCRYPT = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"
const DES = "rqXexS6ZhobKA"
const SHA256_CRYPT = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
const SHA512_CRYPT =
  "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"

export const USERS = `# users
plain:{PLAIN}secret
sha:${SHA1}
apr1:${APR1}:a comment
sha256:${SHA256_CRYPT}
sha512:${SHA512_CRYPT}\r
bcrypt:${BCRYPT}
des:${DES}
empty:{PLAIN}
twice:{PLAIN}first
twice:{PLAIN}second
#hidden:{PLAIN}secret

plainer:{PLAIN}longer
no colon
last:{PLAIN}end`

/** A header line with its CRLF. */
export function basic(user: string, password: string): string {
  return `Authorization: Basic ${Buffer.from(`${user}:${password}`, "latin1").toString("base64")}\r\n`
}
