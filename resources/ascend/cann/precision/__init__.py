"""Every layer on the device against FP32."""
