"""Makes a key and a token of each algorithm, and verifies what it is given."""

import base64
import datetime
import json
import secrets
import sys

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

given = json.load(sys.stdin)
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def make(alg):
    if alg.startswith("HS"):
        secret = secrets.token_bytes(int(alg[2:]) // 8)
        k = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        jwk = {"kty": "oct", "alg": alg, "k": k}
        return {"alg": alg, "token": sign(alg, secret), "public": {"jwk": jwk}, "private": {"jwk": jwk}}
    if alg in CURVES:
        key = ec.generate_private_key(CURVES[alg]())
    elif alg == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = rsa.generate_private_key(65537, 2048)
    return {"alg": alg, "token": sign(alg, key), "public": public(alg, key), "private": private(alg, key)}


def private(alg, key):
    forms = [PrivateFormat.PKCS8]
    if alg != "EdDSA":
        forms.append(PrivateFormat.TraditionalOpenSSL)  # PKCS#1 and SEC 1
    return {
        "jwk": as_jwk(alg, key),
        "pem": [key.private_bytes(Encoding.PEM, form, NoEncryption()).decode() for form in forms],
        "der": [base64.b64encode(key.private_bytes(Encoding.DER, form, NoEncryption())).decode() for form in forms],
    }


def public(alg, private_key):
    key = private_key.public_key()
    forms = [PublicFormat.SubjectPublicKeyInfo]
    if alg[:2] in ("RS", "PS"):
        forms.append(PublicFormat.PKCS1)
    made = certificate(alg, private_key)
    encoded = lambda encoding: [key.public_bytes(encoding, form) for form in forms] + [made.public_bytes(encoding)]
    return {
        "jwk": as_jwk(alg, key),
        "pem": [pem.decode() for pem in encoded(Encoding.PEM)],
        "der": [base64.b64encode(der).decode() for der in encoded(Encoding.DER)],
    }


def as_jwk(alg, key):
    implementation = jwt.get_algorithm_by_name(alg)
    jwk = implementation.to_jwk(key, as_dict=True)
    # It writes the one operation that the key is used for, and no `alg`.
    return {**jwk, "alg": alg}


def certificate(alg, key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tower-bearer")])
    start = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + datetime.timedelta(days=1))
    return builder.sign(key, None if alg == "EdDSA" else hashes.SHA256())


def sign(alg, key):
    return jwt.encode(given["claims"], key, algorithm=alg)


def verify(item):
    alg = item["alg"]
    if "jwk" in item:
        key = jwt.get_algorithm_by_name(alg).from_jwk(item["jwk"])
    elif "CERTIFICATE" in item["pem"]:
        key = x509.load_pem_x509_certificate(item["pem"].encode()).public_key()
    else:
        key = serialization.load_pem_public_key(item["pem"].encode())
    claims = given["claims"]
    # It knows no other time than the real one.
    options = {"verify_exp": False, "verify_iat": False}
    decoded = jwt.decode(
        item["token"], key, algorithms=[alg], issuer=claims["iss"], audience=claims["aud"], options=options
    )
    return decoded["sub"] == claims["sub"]


def verdict(item):
    try:
        return verify(item)
    except Exception as error:
        return f"{item['alg']}: {error!r}"


print(json.dumps({"made": [make(alg) for alg in given["make"]], "verified": [verdict(item) for item in given["verify"]]}))
