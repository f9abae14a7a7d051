#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# casemate-rng: the guest's hardware random numbers are the host's.
. "$(dirname "$0")/lib/guest.sh"
need_kvm
stock_kernels || skip_all "$NO_STOCK"
remember

run_debian with rng --rng
steps_ok with rng
like "$(console with)" '^guest: ok rng virtio_rng\.0 1024 bytes$' "1024 bytes from /dev/hwrng, not twice the same"

left_nothing rng
done_testing
