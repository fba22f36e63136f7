"""The shadow-model attack: learn from models of one's own what members look like."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.special import log_softmax

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.inputs import as_labels, as_logits, as_shadows, first_few
from course_lib.membership.labels import whole_number

FEATURES = {
    "posteriors": lambda log_p: np.exp(log_p),
    "sorted": lambda log_p: -np.sort(-np.exp(log_p), axis=-1),
    "top3": lambda log_p: -np.sort(-np.exp(log_p), axis=-1)[..., :3],
    "log_posteriors": lambda log_p: log_p,
}


class ShadowAttack:
    """One attack model a class, trained on the outputs of shadow models (Shokri et al. 2017, Section V).

    Every row that a shadow model gives for a record of its training set is labelled 1, for one of its test set 0.
    The rows are gathered by true label. On each class's rows a fully connected network learns to tell the two apart;
    all of them are trained together, as one stack of matrices.

    Parameters
    ----------
    features : what the attack models see: "posteriors", as in the paper; "sorted", those in falling order;
        "top3", the three largest; "log_posteriors".
    route : whose attack model judges a row: "predicted", that of the class the target model predicts, or
        "true", that of the record's label. They differ where the target model is wrong.
    layers : widths of the hidden layers, ReLU after each; () is a logistic regression.
    optimizer : a function of the parameters; None for Adam with learning rate 0.001.
    epochs : passes over the rows of the largest class; at least 1.
    batch_size : rows of each class in one step.
    seed : of the initial weights and the batches.

    Raises
    ------
    ValueError
        if an argument is out of range.

    Examples
    --------
    >>> logits = np.array([[[4.0, 0.0], [0.0, 4.0], [0.3, 0.0], [0.0, 0.3]]])
    >>> bundle = ShadowBundle(logits, np.array([[True, True, False, False]]))
    >>> attack = ShadowAttack(epochs=200).fit(bundle, y=[0, 1, 0, 1])
    >>> (attack.score([[5.0, 0.0], [0.1, 0.0]], [0, 0]) > 0).tolist()
    [True, False]
    """

    def __init__(
        self,
        features: str = "posteriors",
        route: str = "predicted",
        layers: Sequence[int] = (64,),
        optimizer: Callable[[list], torch.optim.Optimizer] | None = None,
        epochs: int = 30,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        if features not in FEATURES:
            raise ValueError(f"features is one of {', '.join(map(repr, FEATURES))}, got {features!r}")
        if route not in ("predicted", "true"):
            raise ValueError(f"route is 'predicted' or 'true', got {route!r}")
        for name, value in [("epochs", epochs), ("batch_size", batch_size), *(("a layer's width", w) for w in layers)]:
            whole_number(name, value)
        self.features, self.route, self.layers = features, route, tuple(layers)
        self.optimizer, self.epochs, self.batch_size, self.seed = optimizer, epochs, batch_size, seed
        self.parameters: list[torch.Tensor] = []

    def __repr__(self) -> str:
        return f"ShadowAttack(features={self.features!r}, route={self.route!r}, layers={self.layers})"

    def fit(self, bundle: ShadowBundle, y) -> ShadowAttack:
        """Train the attack models.

        Parameters
        ----------
        bundle : ShadowBundle; ``used`` says which records were in a shadow's training or test set.
        y : (n_records,) labels of the bundle's records.

        Returns
        -------
        The attack itself.

        Raises
        ------
        ValueError
            if a class has no in rows or no out rows.
        """
        logits, labels = as_shadows(bundle, y)
        self.n_classes = bundle.n_classes
        inputs = FEATURES[self.features](log_softmax(logits[bundle.used], axis=-1))
        was_in = bundle.membership[bundle.used]
        classes = np.broadcast_to(labels, bundle.used.shape)[bundle.used]
        counts = np.stack([np.bincount(classes[was_in == side], minlength=self.n_classes) for side in (False, True)])
        if (empty := np.flatnonzero((counts == 0).any(axis=0))).size:
            raise ValueError(
                f"classes {first_few(empty)} have no in rows or no out rows: an attack model needs both; draw larger "
                "shadow sets, train more shadow models, or leave these classes out"
            )
        order = np.argsort(classes, kind="stable")
        # Both kinds weigh the same, so that 0 is the border also where a class has more of one.
        weights = counts.sum(axis=0)[classes] / (2 * counts[was_in.astype(int), classes])
        self._train(*(torch.from_numpy(rows[order].astype(np.float32)) for rows in (inputs, was_in, weights)),
                    torch.from_numpy(counts.sum(axis=0)))
        return self

    def _train(self, inputs: torch.Tensor, was_in: torch.Tensor, weights: torch.Tensor, n_rows: torch.Tensor) -> None:
        """Minimise each class's weighted cross-entropy; the rows come ordered by class."""
        generator = torch.Generator().manual_seed(self.seed)
        self.parameters = _stacked_layers(len(n_rows), (inputs.shape[1], *self.layers, 1), generator)
        make = self.optimizer or (lambda parameters: torch.optim.Adam(parameters, lr=0.001))
        optimizer = make(self.parameters)
        starts = n_rows.cumsum(0) - n_rows
        for _ in range(self.epochs * math.ceil(int(n_rows.max()) / self.batch_size)):
            share = torch.rand(len(n_rows), self.batch_size, generator=generator, dtype=torch.float64)
            batch = starts[:, None] + (share * n_rows[:, None]).long()
            losses = torch.nn.functional.binary_cross_entropy_with_logits(
                _forward(self.parameters, inputs[batch]), was_in[batch], weights[batch], reduction="none"
            )
            optimizer.zero_grad()
            losses.mean(dim=1).sum().backward()  # the sum: each class's gradient is that of its own mean
            optimizer.step()
        self.parameters = [parameter.detach() for parameter in self.parameters]
        if not all(parameter.isfinite().all() for parameter in self.parameters):
            raise ValueError("training the attack models ended in NaN or infinity: lower the learning rate")

    def score(self, logits, y, records=None) -> np.ndarray:
        """One score a row; higher means member.

        Parameters
        ----------
        logits : (n, n_classes) of the target model for the records under suspicion.
        y : (n,) their labels; used with ``route="true"`` only, checked always.
        records : not used; there so that all attacks are called alike.

        Returns
        -------
        (n,) float64, the log-odds of the attack model: above 0 it says member.

        Raises
        ------
        ValueError
            if the attack is not fitted, or logits or labels do not fit the shadow models.
        """
        if not self.parameters:
            raise ValueError(f"{self!r} knows no shadow models yet: call fit(bundle, y) first")
        rows = as_logits(logits, self.n_classes)
        labels = as_labels(y, *rows.shape)
        judges = rows.argmax(axis=1) if self.route == "predicted" else labels
        inputs = torch.from_numpy(FEATURES[self.features](log_softmax(rows, axis=1)).astype(np.float32))
        scores = np.empty(len(rows))
        for judge in np.unique(judges):
            mine = np.flatnonzero(judges == judge)
            alone = [parameter[judge : judge + 1] for parameter in self.parameters]
            scores[mine] = _forward(alone, inputs[mine][None])[0].double().numpy()
        return scores


def _stacked_layers(n_models: int, widths: Sequence[int], generator: torch.Generator) -> list[torch.Tensor]:
    """Weights (n_models, in, out) and biases (n_models, 1, out), layer by layer, drawn as torch.nn.Linear draws."""
    parameters = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        for shape in ((n_models, n_in, n_out), (n_models, 1, n_out)):
            drawn = torch.rand(shape, generator=generator) * 2 - 1
            parameters.append((drawn / math.sqrt(n_in)).requires_grad_())
    return parameters


def _forward(parameters: list[torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """Log-odds of membership, (n_models, n), of rows (n_models, n, n_features)."""
    for layer in range(0, len(parameters), 2):
        rows = torch.baddbmm(parameters[layer + 1], rows.relu() if layer else rows, parameters[layer])
    return rows[..., 0]
