// Makes a key and a token of each algorithm, and verifies what it is given.
import * as jose from 'jose'
import { readFileSync } from 'node:fs'

const input = JSON.parse(readFileSync(0, 'utf8'))

async function make(alg) {
  if (alg.startsWith('HS')) {
    const secret = await jose.generateSecret(alg, { extractable: true })
    const jwk = { ...(await jose.exportJWK(secret)), alg }
    return { alg, token: await sign(alg, secret), public: { jwk }, private: { jwk } }
  }
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true })
  return {
    alg,
    token: await sign(alg, privateKey),
    public: { jwk: { ...(await jose.exportJWK(publicKey)), alg }, pem: [await jose.exportSPKI(publicKey)] },
    private: { jwk: { ...(await jose.exportJWK(privateKey)), alg }, pem: [await jose.exportPKCS8(privateKey)] },
  }
}

const sign = (alg, key) => new jose.SignJWT(input.claims).setProtectedHeader({ alg, typ: 'JWT' }).sign(key)

async function verify({ alg, jwk, pem, token }) {
  const key = jwk
    ? await jose.importJWK(jwk, alg)
    : await (pem.includes('CERTIFICATE') ? jose.importX509(pem, alg) : jose.importSPKI(pem, alg))
  const options = { algorithms: [alg], issuer: input.claims.iss, audience: input.claims.aud, typ: 'JWT' }
  const { payload } = await jose.jwtVerify(token, key, { ...options, currentDate: new Date(input.now * 1000) })
  return payload.sub === input.claims.sub
}

const made = []
for (const alg of input.make) made.push(await make(alg))
const verified = []
for (const item of input.verify) {
  verified.push(await verify(item).catch((error) => `${item.alg}: ${error}`))
}
console.log(JSON.stringify({ made, verified }))
