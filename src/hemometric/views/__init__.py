"""Random views of a batch of ECGs: what may change without changing the patient.

Each function takes (n, n_leads, n_samples) float32 mV and a `torch.Generator` on the same device, and draws
independently for each ECG. Two views of one ECG are two rows of the batch, or two calls: never the same draw. Nothing
is flipped and no lead changes place: sign and order carry the diagnosis. As in torch, a name that ends in _ changes
what it is given (a batch of new memory at each step would cost as much as the views themselves) and returns it;
`random_view` leaves it as it is.
"""

from hemometric.views.disturbances import add_mains_, add_muscle_, add_noise_, add_wander_
from hemometric.views.leads import drop_leads_, random_gain_, rotate_frontal_plane_, shift_precordials_
from hemometric.views.view import random_view
from hemometric.views.windows import mask_time_, random_crop

__all__ = [
    "add_mains_",
    "add_muscle_",
    "add_noise_",
    "add_wander_",
    "drop_leads_",
    "mask_time_",
    "random_crop",
    "random_gain_",
    "random_view",
    "rotate_frontal_plane_",
    "shift_precordials_",
]
