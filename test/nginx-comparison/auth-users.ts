/** A user file with a line of every form, and whom it lets in. */

/** Published hashes of "myPassword" (Apache's documentation) and of "Hello world!" (the SHA-crypt specification). */
const APR1 = "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/"
const SHA1 = "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE="
const BCRYPT = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"
const DES = "rqXexS6ZhobKA"
const SHA256_CRYPT = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
const SHA512_CRYPT =
  "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"

/** Made by crypt(3): of "h\xe4llo" in UTF-8, of 100 times "a", of "verylongpassword", of "x", of "\xff\xfe", of "pw". */
const BCRYPT_2B = "$2b$04$abcdefghijklmnopqrstuueac64J1qTUKXt.h9J417F0ZvoChZpgq"
const BCRYPT_LONG = "$2y$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe"
const DES_LONG = "abosjNU668tCk"
const SHA512_ROUNDS =
  "$6$rounds=20000$salt$emY6EsEusa/8F5oT05EN8SY1uf0kys1qElQB9ASuAwDQhgxvYHz/fE9DBoQw/BiG7QVYLNoSK9zJ43kqa0W49."
const SHA256_ROUNDS = "$5$rounds=1000$salt$7KVl3mKg4nimV/qrrylYq3/eyzK/PGCputoW3DE3xU8"
const DES_BYTES = "abVJkGGfiVrlE"
const BCRYPT_2A = "$2a$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW"
/** Of "myPassword", in forms that are not supported here. */
const YESCRYPT = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$mPRe/61VxTps1wMzvJAbmZwcJQf594V7W1XpKuyeFF8"
const EXTENDED_DES = "_J9..rasmZkILsDmXwQ2"

export const USERS = `# users
plain:{PLAIN}secret
sha:${SHA1}
apr1:${APR1}:a comment
sha256:${SHA256_CRYPT}
sha512:${SHA512_CRYPT}\r
bcrypt:${BCRYPT}
des:${DES}
bcrypt-2b:${BCRYPT_2B}
bcrypt-2a:${BCRYPT_2A}
bcrypt-long:${BCRYPT_LONG}
des-long:${DES_LONG}
des-bytes:${DES_BYTES}
sha512-rounds:${SHA512_ROUNDS}
sha256-rounds:${SHA256_ROUNDS}
yescrypt:${YESCRYPT}
extended-des:${EXTENDED_DES}
no-cost:$2y$03$abcdefghijklmnopqrstuuCgLfM4DSXdvAxe2XPsjBsbbuJMBbGWy
no-hash:$2y$05$
one-letter:r
stars:*0
unknown-kind:$9$xx$yy
nothing:
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
