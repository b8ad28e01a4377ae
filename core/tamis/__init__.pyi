from tamis import errors as errors
from tamis.api.array_methods import hdbscan as hdbscan
from tamis.api.array_methods import kmeans as kmeans
from tamis.api.array_methods import near_duplicates as near_duplicates
from tamis.api.array_results import ClusteredRows as ClusteredRows
from tamis.api.array_results import NearDuplicates as NearDuplicates
from tamis.api.array_results import SelectedRows as SelectedRows
from tamis.api.selectors import deita as deita
from tamis.api.selectors import facility_location as facility_location
from tamis.api.selectors import k_center as k_center
from tamis.api.selectors import km_closest as km_closest
from tamis.api.selectors import km_random as km_random
from tamis.api.selectors import kmq as kmq
from tamis.api.selectors import kmq_released as kmq_released
from tamis.api.selectors import qdit as qdit
from tamis.api.selectors import random as random
from tamis.api.selectors import semdedup as semdedup
from tamis.api.selectors import stratified as stratified
from tamis.api.selectors import top_quality as top_quality
from tamis.compute.refine.evidence import RoundEvidence as RoundEvidence
from tamis.compute.refine.evidence import pooled_effects as pooled_effects
from tamis.compute.refine.evidence import tilted_weights as tilted_weights
from tamis.compute.refine.weights import update_weights as update_weights

__version__: str
