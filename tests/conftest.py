"""One thread for torch: two on a busy machine can be ten times slower than one."""

import torch

torch.set_num_threads(1)
