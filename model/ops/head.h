// The end of the decoder, computed only at the tokens that are read.
#pragma once

#include <ATen/core/Tensor.h>

namespace prm::ops {

struct HeadActivation {
  enum Kind { kNone, kSoftmax, kSigmoid };
  Kind kind = kNone;   // softmax is over each row
  double softcap = 0;  // c: logits first become c * tanh(logit / c); 0: unchanged
};
at::Tensor Activate(const at::Tensor& logits, HeadActivation activation);
// Returns activation(norm(residual + delta) * weight^T + bias) [S, O] float32; one pass on a GPU.
// residual [S, D] float32; delta [S, D] or undefined; norm [D], weight [O, D], bias [O] float32.
at::Tensor ReadHead(const at::Tensor& residual, const at::Tensor& delta, const at::Tensor& norm,
                    double eps, const at::Tensor& weight, const at::Tensor& bias,
                    HeadActivation activation);

}  // namespace prm::ops
