declare module "unix-crypt-td-js" {
  /** The hash by DES of crypt(3): `password` as bytes or as text of bytes, `salt` two letters. */
  export default function unixCrypt(password: readonly number[] | string, salt: string): string
}
