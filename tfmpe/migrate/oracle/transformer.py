"""The legacy network as a function of its weights."""

import jax
import jax.numpy as jnp


def _layer_norm(x, scale, bias):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * (jax.lax.rsqrt(variance + 1e-6) * scale) + bias


def _embed(params, value, label, index, time, is_context):
    """Embed the tokens of one side; both sides use the same weights."""
    tokens = value.shape[:2]
    b = params["embedding/gf_embedding/b"]
    columns = [value, params["embedding/embedding/embedding"][label]]
    if b.size:
        # The order matters: computing 2 pi b first changes the result by 2e-5.
        angle = 2 * jnp.pi * (index @ b)
        columns += [jnp.cos(angle), jnp.sin(angle)]
    columns += [time, jnp.full((1, 1, 1), float(is_context))]
    x = jnp.concatenate(
        [jnp.broadcast_to(c, (*tokens, c.shape[-1])) for c in columns], -1
    )
    kernel, bias = (params[f"embedding/linear/{p}"] for p in ("kernel", "bias"))
    return x @ kernel + bias


def _layer(params, stack, i):
    """Return the weights of one layer of a stack, by their relative paths."""
    return {
        path.removeprefix(f"{stack}/"): value[i]
        for path, value in params.items()
        if path.startswith(f"{stack}/")
    }


def _feed_forward(layer, x):
    kernels, biases = (
        layer[f"ff/layers/linear/{p}"] for p in ("kernel", "bias")
    )
    y = x
    for kernel, bias in zip(kernels, biases, strict=True):
        y = jax.nn.relu(y @ kernel + bias)
    return x + _layer_norm(y, layer["ff_norm/scale"], layer["ff_norm/bias"])


def _attend(layer, queries, context, mask):
    q = jnp.einsum("ntd,dhk->nhtk", queries, layer["attn/query/kernel"])
    k = jnp.einsum("njd,dhk->nhjk", context, layer["attn/key/kernel"])
    v = jnp.einsum("njd,dhk->nhjk", context, layer["attn/value/kernel"])
    scores = jnp.einsum("nhtk,nhjk->nhtj", q, k) / jnp.sqrt(q.shape[-1])
    if mask is not None:
        # Not -inf: a row without any 1 attends to everything.
        scores = jnp.where(mask != 0, scores, jnp.finfo(scores.dtype).min)
    mixed = jnp.einsum("nhtj,nhjk->nhtk", jax.nn.softmax(scores), v)
    return jnp.einsum("nhtk,hkd->ntd", mixed, layer["attn/out/kernel"])


def _encode(params, x):
    """Run the encoder, which discards its attention, so tokens do not mix."""
    for i in range(len(params["encoder/norm/scale"])):
        layer = _layer(params, "encoder", i)
        x = x + _layer_norm(x, layer["norm/scale"], layer["norm/bias"])
        x = _feed_forward(layer, x)
    return x


def transformer(
    params,
    *,
    theta,
    theta_label,
    theta_index,
    theta_mask,
    time,
    context,
    context_label,
    context_index,
    context_mask,
    cross_mask,
):
    """Return what the legacy network returns in evaluation mode.

    Weights have paths such as ``'decoder/attn/query/kernel'``, and are stacked
    over layers. Neither the self-attention masks of both sides nor an index
    without frequencies has an effect.
    """
    x = _embed(params, theta, theta_label, theta_index, time, False)
    memory = _embed(params, context, context_label, context_index, time, True)
    x, memory = _encode(params, x), _encode(params, memory)
    for i in range(len(params["decoder/norm/scale"])):
        layer = _layer(params, "decoder", i)
        attended = _attend(layer, x, memory, cross_mask)
        x = x + _layer_norm(attended, layer["norm/scale"], layer["norm/bias"])
        x = _feed_forward(layer, x)
    return x @ params["linear/kernel"] + params["linear/bias"]
