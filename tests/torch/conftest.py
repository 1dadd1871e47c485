"""One small trained-looking network for every test here."""

import pytest
import torch
from torch_samples import Network


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    network = Network()
    network.train()
    for _ in range(3):  # batch normalisation has statistics of its own
        network(torch.randn(4, 3, 16, 16))
    return network
