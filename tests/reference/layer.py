"""The elastic layer from its own equations: exponentials that satisfy Navier's equations, four boundary conditions, a 4 x 4 solve.

Plane strain along one wavevector, fields ~ exp(i k x), s = k z, u_x = i U(s), u_z = W(s):
    W = (A + B s) e^s + (C + D s) e^-s,   U = (A + (q + s) B) e^s + (-C + (q - s) D) e^-s,   q = 1 + 2 G / (lambda + G)
with U = W = 0 at the base and unit traction at the top. Independent of the closed forms in `simtouch.gel.compliance`.
"""

import numpy as np


def layer_compliance_by_solve(k, thickness, modulus, poisson):
    """c_zz, c_ll, c_zl for k > 0, in the conventions of `simtouch.gel.compliance`."""
    shear = modulus / (2 * (1 + poisson))
    lame = modulus * poisson / ((1 + poisson) * (1 - 2 * poisson))
    q = 1 + 2 * shear / (lame + shear)
    K = np.asarray(k, float) * thickness

    def basis(s):  # growing terms carry e^(s - K), so that nothing overflows
        up, down = np.exp(s - K), np.exp(-s)
        U = np.stack([up, (q + s) * up, -down, (q - s) * down], -1)
        W = np.stack([up, s * up, down, s * down], -1)
        dU = np.stack([up, (q + 1 + s) * up, down, (-q - 1 + s) * down], -1)
        dW = np.stack([up, (1 + s) * up, -down, (1 - s) * down], -1)
        return U, W, dU, dW

    U_base, W_base, _, _ = basis(np.zeros_like(K))
    U, W, dU, dW = basis(K)
    normal, tangential = (lame + 2 * shear) * dW - lame * U, shear * (dU + W)
    matrix = np.stack([U_base, W_base, normal, tangential], -2)
    pushed, dragged = (np.linalg.solve(matrix, np.broadcast_to(e, (*K.shape, 4))[..., None])[..., 0] for e in np.eye(4)[2:])
    return (W * pushed).sum(-1) / k, (U * dragged).sum(-1) / k, (U * pushed).sum(-1) / k
